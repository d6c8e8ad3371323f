"""What the comparisons of these tests share."""

BASE = {"image_size": 16, "model": "lenet", "epochs": 3, "batch_size": 32, "precision": "float32", "ruler": "words"}
