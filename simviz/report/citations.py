"""The works that a methods paragraph may cite, and which of them a setting stands on."""

from __future__ import annotations

from dataclasses import dataclass

from simviz.settings import Setting
from simviz.words import BUNDLED


@dataclass(frozen=True)
class Work:
    """One work.

    Attributes
    ----------
    key : of the BibTeX entry
    short : as it is cited in a sentence
    fields : of the BibTeX entry, in order
    """

    key: str
    short: str
    kind: str
    fields: tuple[tuple[str, str], ...]

    @property
    def bibtex(self) -> str:
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in self.fields)
        return f"@{self.kind}{{{self.key},\n{lines}\n}}"


def _work(key: str, short: str, title: str, author: str, where: str, year: int, arxiv: str = "") -> Work:
    """`where` is a book of proceedings, or "journal: NAME"; "" for a preprint alone."""
    journal = where.startswith("journal: ")
    kind = "article" if journal else "inproceedings" if where else "misc"
    place = (("journal", where.removeprefix("journal: ")),) if journal else (("booktitle", where),) if where else ()
    preprint = (("eprint", arxiv), ("archiveprefix", "arXiv")) if arxiv else ()
    return Work(
        key, short, kind, (("title", f"{{{title}}}"), ("author", author), *place, ("year", str(year)), *preprint)
    )


_CVPR = "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)"
_NEURIPS = "Advances in Neural Information Processing Systems (NeurIPS)"
_ALL = (
    _work(
        "kobs2020simloss",
        "Kobs et al. 2020",
        "SimLoss: Class Similarities in Cross Entropy",
        "Kobs, Konstantin and Steininger, Michael and Zehe, Albin and Lautenschlager, Florian and Hotho, Andreas",
        "Foundations of Intelligent Systems (ISMIS)",
        2020,
        "2003.03182",
    ),
    _work(
        "hou2016squared",
        "Hou et al. 2016",
        "Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks",
        "Hou, Le and Yu, Chen-Ping and Samaras, Dimitris",
        "",
        2016,
        "1611.05916",
    ),
    _work(
        "szegedy2016rethinking",
        "Szegedy et al. 2016",
        "Rethinking the Inception Architecture for Computer Vision",
        "Szegedy, Christian and Vanhoucke, Vincent and Ioffe, Sergey and Shlens, Jon and Wojna, Zbigniew",
        _CVPR,
        2016,
        "1512.00567",
    ),
    _work(
        "cuturi2013sinkhorn",
        "Cuturi 2013",
        "Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
        "Cuturi, Marco",
        _NEURIPS,
        2013,
        "1306.0895",
    ),
    _work(
        "diaz2019soft",
        "Díaz and Marathe 2019",
        "Soft Labels for Ordinal Regression",
        "D{\\'i}az, Ra{\\'u}l and Marathe, Amit",
        _CVPR,
        2019,
    ),
    _work(
        "polat2022class",
        "Polat et al. 2022",
        "Class Distance Weighted Cross-Entropy Loss for Ulcerative Colitis Severity Estimation",
        "Polat, Gorkem and Ergenc, Ilkay and Kani, Haluk Tarik and Alahdab, Yesim Ozen and Atug, Ozlen and "
        "Temizel, Alptekin",
        "Medical Image Understanding and Analysis (MIUA)",
        2022,
        "2202.05167",
    ),
    _work(
        "bertinetto2020making",
        "Bertinetto et al. 2020",
        "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks",
        "Bertinetto, Luca and Mueller, Romain and Tertikas, Konstantinos and Samangooei, Sina and Lord, Nicholas A.",
        _CVPR,
        2020,
        "1912.09393",
    ),
    _work(
        "gao2017deep",
        "Gao et al. 2017",
        "Deep Label Distribution Learning with Label Ambiguity",
        "Gao, Bin-Bin and Xing, Chao and Xie, Chen-Wei and Wu, Jianxin and Geng, Xin",
        "journal: IEEE Transactions on Image Processing",
        2017,
        "1611.01731",
    ),
    _work(
        "patrini2017making",
        "Patrini et al. 2017",
        "Making Deep Neural Networks Robust to Label Noise: A Loss Correction Approach",
        "Patrini, Giorgio and Rozza, Alessandro and Menon, Aditya Krishna and Nock, Richard and Qu, Lizhen",
        _CVPR,
        2017,
        "1609.03683",
    ),
    _work(
        "zhang2018generalized",
        "Zhang and Sabuncu 2018",
        "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
        "Zhang, Zhilu and Sabuncu, Mert R.",
        _NEURIPS,
        2018,
        "1805.07836",
    ),
    _work(
        "cao2020rank",
        "Cao et al. 2020",
        "Rank Consistent Ordinal Regression for Neural Networks with Application to Age Estimation",
        "Cao, Wenzhi and Mirjalili, Vahid and Raschka, Sebastian",
        "journal: Pattern Recognition Letters",
        2020,
        "1901.07884",
    ),
    _work(
        "shi2021deep",
        "Shi et al. 2021",
        "Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional Probabilities",
        "Shi, Xintong and Cao, Wenzhi and Raschka, Sebastian",
        "",
        2021,
        "2111.08851",
    ),
    _work(
        "niu2016ordinal",
        "Niu et al. 2016",
        "Ordinal Regression with Multiple Output CNN for Age Estimation",
        "Niu, Zhenxing and Zhou, Mo and Wang, Le and Gao, Xinbo and Hua, Gang",
        _CVPR,
        2016,
    ),
    _work(
        "pennington2014glove",
        "Pennington et al. 2014",
        "GloVe: Global Vectors for Word Representation",
        "Pennington, Jeffrey and Socher, Richard and Manning, Christopher D.",
        "Empirical Methods in Natural Language Processing (EMNLP)",
        2014,
    ),
    _work(
        "kingma2015adam",
        "Kingma and Ba 2015",
        "Adam: A Method for Stochastic Optimization",
        "Kingma, Diederik P. and Ba, Jimmy",
        "International Conference on Learning Representations (ICLR)",
        2015,
        "1412.6980",
    ),
    _work(
        "smith2018super",
        "Smith and Topin 2018",
        "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
        "Smith, Leslie N. and Topin, Nicholay",
        "",
        2018,
        "1708.07120",
    ),
    _work(
        "guo2017calibration",
        "Guo et al. 2017",
        "On Calibration of Modern Neural Networks",
        "Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.",
        "International Conference on Machine Learning (ICML)",
        2017,
        "1706.04599",
    ),
    _work(
        "karthik2021no",
        "Karthik et al. 2021",
        "No Cost Likelihood Manipulation at Test Time for Making Better Mistakes in Deep Networks",
        "Karthik, Shyamgopal and Prabhu, Ameya and Dokania, Puneet K. and Gandhi, Vineet",
        "International Conference on Learning Representations (ICLR)",
        2021,
        "2104.00795",
    ),
)
WORKS = {work.key: work for work in _ALL}
_OF_LOSS = {
    "simloss": "kobs2020simloss",
    "emd2": "hou2016squared",
    "ground_distance": "hou2016squared",
    "self_guided": "hou2016squared",
    "sinkhorn": "cuturi2013sinkhorn",
    "soft_labels": "diaz2019soft",
    "cdw_ce": "polat2022class",
    "hxe": "bertinetto2020making",
    "dldl": "gao2017deep",
    "forward": "patrini2017making",
    "gce": "zhang2018generalized",
    "coral": "cao2020rank",
    "corn": "shi2021deep",
    "or_cnn": "niu2016ordinal",
}


def of_setting(setting: Setting) -> Work | None:
    """The work that a setting's loss comes from; None for plain cross entropy and for losses of our own."""
    if setting.loss.name == "ce" and setting.loss.options.get("label_smoothing"):
        return WORKS["szegedy2016rethinking"]
    key = _OF_LOSS.get(setting.loss.name)
    return None if key is None else WORKS[key]


def uses_bundled_words(setting: Setting) -> bool:
    """Whether its matrix was made from the bundled GloVe vectors."""
    matrix = setting.matrix
    return matrix is not None and matrix.name == "words" and matrix.options.get("vectors", BUNDLED) == BUNDLED
