from tests.app.conftest import packages_scanned_once, runs, visit

__all__ = ["packages_scanned_once", "runs", "visit"]
