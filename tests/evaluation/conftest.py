"""No deadline for single examples: the first one imports the reference, and the machine may be busy."""

from hypothesis import settings

settings.register_profile("evaluation", deadline=None)
settings.load_profile("evaluation")
