from tests.app.conftest import runs, visit

__all__ = ["runs", "visit"]
