"""Dense bf16 rates of GPUs, as their maker states them."""

PEAKS: dict[str, tuple[float, str]] = {
    "NVIDIA H100 PCIe": (756.5e12, "NVIDIA H100 data sheet, PCIe: 1,513 TFLOP/s with sparsity, half dense"),
    "NVIDIA H100 NVL": (835.5e12, "NVIDIA H100 data sheet, NVL: 1,671 TFLOP/s with sparsity, half dense"),
    "NVIDIA H100": (989.5e12, "NVIDIA H100 data sheet, SXM: 1,979 TFLOP/s with sparsity, half dense"),
    "NVIDIA H200 NVL": (835.5e12, "NVIDIA H200 data sheet, NVL: 1,671 TFLOP/s with sparsity, half dense"),
    "NVIDIA H200": (989.5e12, "NVIDIA H200 data sheet, SXM: 1,979 TFLOP/s with sparsity, half dense"),
}  # fmt: skip
"""Beginning of the device's name -> operations a second, where that is said. The longest counts."""


def bf16_peak(device_name: str) -> tuple[float | None, str]:
    """Operations a second and their source; None, with the reason, for a device that is not in the table."""
    known = [name for name in PEAKS if device_name.startswith(name)]
    if not known:
        return None, f"no data sheet's rate is noted for {device_name}"
    return PEAKS[max(known, key=len)]
