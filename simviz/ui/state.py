"""The keys of everything that a link restores, and the values they may take.

A key is the name of a query parameter as well, so it is short and stays. Values are ASCII ids.
"""

from __future__ import annotations

COMPARISON, A, B, ORDER = "c", "a", "b", "order"
PART, RULER, RULER_OF, DECODER = (
    "part",
    "ruler",
    "ruler_of",
    "decoder",
)
TAKE, MATRIX_OF, CAMERA = "take", "matrix_of", "camera"
# From PART on: chosen on one page of results, kept on the others.
FRAME = (COMPARISON, A, B, ORDER, PART, RULER, RULER_OF, DECODER, TAKE, MATRIX_OF, CAMERA)

AROUND = "around"
SOURCE, DATA, NAMES, BY, KEEP, LOWER, RATIO, POWER, SHOWN = (
    *("from", "data", "names", "by", "keep", "lower_bound"),
    *("r", "power", "as"),
)
VECTORS, VECTOR_FILE, VECTOR_NAME = "vectors", "vectors_file", "vectors_name"
ROOM, ANSWER = "look", "answer"
SIMILARITY = (
    *(SOURCE, DATA, NAMES, BY, KEEP, LOWER, RATIO, POWER, SHOWN, AROUND),
    *(VECTORS, VECTOR_FILE, VECTOR_NAME, ROOM, ANSWER),
)

NORMALIZE, HIDE, LOG, TRUE, PREDICTED, PAIRS = "norm", "hide", "log", "t", "p", "of"
LEVEL, OPENED_GROUPS, EMPTY, MOMENT = "level", "open", "empty", "at"
GREY, TONE, KIND, PAGE = "grey", "tone", "images", "pg"
PICTURE, IMAGE, SEED, OF_WHOM, NUMBERS = "picture", "img", "seed", "whose", "numbers"
CONFUSION = (
    *(NORMALIZE, HIDE, LOG, EMPTY, LEVEL, OPENED_GROUPS, MOMENT),
    *(GREY, TONE, TRUE, PREDICTED, KIND, PAGE, PAIRS),
    *(PICTURE, IMAGE, SEED, OF_WHOM, NUMBERS),
)
DETAIL, SPREAD, BEYOND, QUANTITY, SORT, WORST = "detail", "spread", "beyond", "quantity", "sort", "worst"
TOP, BINNING, MODEL, CLASS_PAGE, HEADS = "k", "bins", "which", "cpg", "heads"
CLASS_TABLE, BINS_TABLE, LAYERS, TRIED = "class_table", "bins_table", "layers", "tried"
SEVERITY = (
    *(DETAIL, SPREAD, BEYOND, QUANTITY, SORT, WORST, TOP, BINNING, MODEL, CLASS_PAGE, HEADS),
    *(CLASS_TABLE, BINS_TABLE, LAYERS, TRIED),
)

LOSS_SET, TRUTH, BETWEEN, WIDTH, STEP, GUESS, PAYING, ONE, AXIS = (
    *("set", "truth", "between", "width", "step", "guess"),
    *("losses", "one", "axis"),
)
WEIGHTS = ("w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7")  # of one's own prediction, the true class first
LOSSES = (LOSS_SET, TRUTH, BETWEEN, WIDTH, STEP, GUESS, PAYING, ONE, AXIS, *WEIGHTS)

LEARNER, EPOCH = "learner", "epoch"
GROUND = (LEARNER, EPOCH)

DATASET, WHERE, EPOCHS, SEEDS, RATES = "on", "path", "epochs", "seeds", "rates"
TRAIN = (DATASET, WHERE, EPOCHS, SEEDS, RATES)
ELSEWHERE = "path"
RUN, CODE, RUN_LOG, JUDGE, IMPORT = "run", "code", "run_log", "judge", "import"
RUNS = (RUN, CODE, RUN_LOG, JUDGE, IMPORT)
LESSON, SLIDE, VOTE = "lesson", "slide", "vote"

SOURCES = ("words", "order", "positions", "groups", "file")
OWN = "own"
BOUNDS = ("keep", "lower_bound")
VECTOR_SOURCES = ("bundled", "file", "download")
RATE_CHOICES = ("one for all", "tuned per loss")
ROOMS = ("columns", "nearest", "dendrogram", "map", "split")
ANSWERS = ("uniform", "drawn", "right")
KINDS = ("similarity", "distance")
ORDERS = ("index", "name", "group", "similarity")
PARTS = ("test", "validation")
SWITCH = ("true", "false", "True", "False")

NETWORK, LIVE_LOSS, LIVE_MATRIX, LIVE_COLUMNS = "net", "loss", "matrix", "unit"
LIVE_NUMBERS = {name: f"l_{name}" for name in ("keep", "r", "power", "beta", "lam", "sigma", "q", "alpha")}
LIVE_NUMBERS["lower_bound"] = "l_bound"
SWEEP, SWEPT = "sweep", "swept"
LIVE = (NETWORK, LIVE_LOSS, LIVE_MATRIX, LIVE_COLUMNS, *LIVE_NUMBERS.values(), SWEEP, SWEPT)

# Which keys a page's link writes out besides the frame's.
OF_PAGE: dict[str, tuple[str, ...]] = {
    "lesson": (LESSON, SLIDE, VOTE),
    "losses": LOSSES,
    "similarity": SIMILARITY,
    "train": TRAIN,
    "confusion": CONFUSION,
    "severity": SEVERITY,
    "ground_distance": GROUND,
    "live": LIVE,
    "runs": RUNS,
}

BUILT = "built"  # the matrix of the similarity page, for the train page; of the session, not of the link
OPENED = "opened"  # a comparison to bring into view, until a page was drawn with it
