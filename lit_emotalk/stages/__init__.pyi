from .align import AlignStage as AlignStage
from .classify import ClassifyStage as ClassifyStage
from .eac import EACStage as EACStage
from .hef import HEFStage as HEFStage
from .sync import SyncStage as SyncStage
