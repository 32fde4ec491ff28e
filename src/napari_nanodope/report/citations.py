"""What a report cites: sources of the methods and of the packages that were really used."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reference:
    """A source.

    Attributes
    ----------
    text : str
        Authors, where and when it was published.
    doi : str
        Without an address before it; empty where there is none.
    """

    text: str
    doi: str = ""


METHODS = {
    "nanodope": Reference(
        "Abutbul et al., ACS Nano 2025, 19, 17640 (counting of dopants in STEM-EDS maps)",
        "10.1021/acsnano.5c01257",
    ),
    "cellpose": Reference(
        "C. Stringer, T. Wang, M. Michaelos, M. Pachitariu, Nat. Methods 2021, 18, 100",
        "10.1038/s41592-020-01018-x",
    ),
    "cellpose-sam": Reference(
        "M. Pachitariu, M. Rariden, C. Stringer, bioRxiv 2025, 2025.04.28.651001",
        "10.1101/2025.04.28.651001",
    ),
    "otsu": Reference(
        "N. Otsu, IEEE Trans. Syst. Man Cybern. 1979, 9, 62", "10.1109/TSMC.1979.4310076"
    ),
    "garwood": Reference("F. Garwood, Biometrika 1936, 28, 437", "10.1093/biomet/28.3-4.437"),
    "read": Reference("A. L. Read, J. Phys. G 2002, 28, 2693", "10.1088/0954-3899/28/10/313"),
    "wilson": Reference(
        "E. B. Wilson, J. Am. Stat. Assoc. 1927, 22, 209", "10.1080/01621459.1927.10502953"
    ),
    "distance": Reference(
        "P. Felzenszwalb, D. Huttenlocher, Theory Comput. 2012, 8, 415",
        "10.4086/toc.2012.v008a019",
    ),
    "projection": Reference(
        "G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 1973, 10, 413", "10.1137/0710036"
    ),
    "modulation": Reference(
        "J. S. Hyde et al., Appl. Magn. Reson. 1990, 1, 483", "10.1007/BF03166028"
    ),
    "bloembergen": Reference(
        "N. Bloembergen, E. M. Purcell, R. V. Pound, Phys. Rev. 1948, 73, 679",
        "10.1103/PhysRev.73.679",
    ),
    "castner": Reference("T. G. Castner, Phys. Rev. 1959, 115, 1506", "10.1103/PhysRev.115.1506"),
    "gan": Reference("Z. Gan, Chem. Commun. 2006, 4712", "10.1039/b611447d"),
    "chen": Reference(
        "L. Chen, X. Lu, Q. Wang, O. Lafon, J. Trebosc, F. Deng, J.-P. Amoureux, J. Magn. Reson. "
        "2010, 206, 269",
        "10.1016/j.jmr.2010.07.009",
    ),
    "fieller": Reference(
        "E. C. Fieller, J. R. Stat. Soc. B 1954, 16, 175", "10.1111/j.2517-6161.1954.tb00159.x"
    ),
    "iupac": Reference(
        "R. K. Harris, E. D. Becker, S. M. Cabral de Menezes, R. Goodfellow, P. Granger, Pure "
        "Appl. Chem. 2001, 73, 1795",
        "10.1351/pac200173111795",
    ),
}
"""Sources of the methods, by the word that the text of the methods knows them by."""

PACKAGES = {
    "numpy": Reference(
        "NumPy: C. R. Harris et al., Nature 2020, 585, 357", "10.1038/s41586-020-2649-2"
    ),
    "scipy": Reference(
        "SciPy: P. Virtanen et al., Nat. Methods 2020, 17, 261", "10.1038/s41592-019-0686-2"
    ),
    "pandas": Reference(
        "pandas: W. McKinney, Proc. 9th Python in Science Conf. 2010, 56",
        "10.25080/Majora-92bf1922-00a",
    ),
    "numba": Reference(
        "Numba: S. K. Lam, A. Pitrou, S. Seibert, Proc. LLVM-HPC 2015, 7",
        "10.1145/2833157.2833162",
    ),
    "scikit-image": Reference(
        "scikit-image: S. van der Walt et al., PeerJ 2014, 2, e453", "10.7717/peerj.453"
    ),
    "edt": Reference(
        "edt: W. Silversmith, Euclidean distance transform of multi-labelled images, Zenodo",
        "10.5281/zenodo.5156135",
    ),
    "torch": Reference(
        "PyTorch: A. Paszke et al., Adv. Neural Inf. Process. Syst. 2019, 32, 8024",
        "10.48550/arXiv.1912.01703",
    ),
    "rosettasciio": Reference(
        "RosettaSciIO: The HyperSpy project, Zenodo", "10.5281/zenodo.8011666"
    ),
    "distributed": Reference(
        "Dask: M. Rocklin, Proc. 14th Python in Science Conf. 2015, 126",
        "10.25080/Majora-7b98e3ed-013",
    ),
    "matplotlib": Reference(
        "Matplotlib: J. D. Hunter, Comput. Sci. Eng. 2007, 9, 90", "10.1109/MCSE.2007.55"
    ),
    "nmrglue": Reference(
        "nmrglue: J. J. Helmus, C. P. Jaroniec, J. Biomol. NMR 2013, 55, 355",
        "10.1007/s10858-013-9718-x",
    ),
    "csdmpy": Reference(
        "csdmpy: D. J. Srivastava, T. Vosegaard, D. Massiot, P. J. Grandinetti, PLoS ONE 2020, "
        "15, e0225953",
        "10.1371/journal.pone.0225953",
    ),
    "pybaselines": Reference("pybaselines: D. Erb, Zenodo", "10.5281/zenodo.5608581"),
}
"""Sources of packages, by their names in a provenance."""


@dataclass(slots=True)
class Bibliography:
    """References in the order in which they are cited, each once.

    Examples
    --------
    >>> cited = Bibliography()
    >>> cited.cite("garwood", "wilson"), cited.cite("wilson")
    ('[1, 2]', '[2]')
    """

    entries: list[Reference] = field(default_factory=list)

    def cite(self, *names: str) -> str:
        """Numbers of some sources in brackets, as they stand in a text."""
        known = METHODS | PACKAGES
        numbers = []
        for name in names:
            one = known[name]
            if one not in self.entries:
                self.entries.append(one)
            numbers.append(self.entries.index(one) + 1)
        return f"[{', '.join(map(str, numbers))}]"
