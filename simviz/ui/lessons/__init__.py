"""The lessons: questions that a class votes on before the answer is computed. A step is data; a view draws it."""

from simviz.ui.lessons.steps import Answer, Bar, Lesson, Material, Step

__all__ = ["Answer", "Bar", "Lesson", "Material", "Step"]
