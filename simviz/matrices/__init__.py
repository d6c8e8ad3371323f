from simviz.matrices.core import ClassMatrix

__all__ = ["ClassMatrix"]
