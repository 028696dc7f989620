__version__: str

from .core.actions import ActionSpace as ActionSpace
from .core.log import Log as Log
from .core.outcomes import Limits as Limits
from .core.outcomes import Objective as Objective
from .errors import TactfulError as TactfulError
from .frames.decisions import decide as decide
from .frames.decisions import users_of as users_of
from .frames.read import read_log as read_log
from .frames.spec import LogSpec as LogSpec
from .frames.write import write_log as write_log
from .learn.check import check as check
from .learn.evaluate import evaluate as evaluate
from .learn.explorers import EpsilonGreedy as EpsilonGreedy
from .learn.explorers import Greedy as Greedy
from .learn.explorers import Softmax as Softmax
from .learn.explorers import Thompson as Thompson
from .learn.publish import publish as publish
from .models.conjugate import Conjugate as Conjugate
from .models.hierarchical import Hierarchical as Hierarchical
from .policies.artifact import load as load
from .policies.artifact import save as save
from .simulate.world import World as World
