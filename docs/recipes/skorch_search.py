"""SimLoss inside scikit-learn, by skorch: the similarity is a hyperparameter like any other.

The criterion is the loss itself, its arguments are `criterion__NAME`. Here a grid search chooses how many pairs of
classes count as alike. Needs `pip install skorch`.
"""

from __future__ import annotations

from functools import partial

import pictures
import torch
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from simviz import losses, matrices, models


class Network(nn.Sequential):
    def __init__(self, num_classes: int) -> None:
        body = models.build("convnet", (3, 32, 32))
        super().__init__(body, nn.Linear(body.features, num_classes))


def main(epochs: int = 4) -> GridSearchCV:
    torch.manual_seed(0)
    data = pictures.load()
    net = NeuralNetClassifier(
        Network,
        module__num_classes=len(data.classes),
        criterion=losses.SimLoss,
        predict_nonlinearity=partial(torch.softmax, dim=-1),  # the network gives logits, predict_proba probabilities
        optimizer=torch.optim.Adam,
        lr=4e-3,
        max_epochs=epochs,
        batch_size=32,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    shares = (0.05, 0.3)
    similarities = [matrices.word_similarity(data.classes, keep=share) for share in shares]
    search = GridSearchCV(net, {"criterion__similarity": similarities}, scoring="accuracy", cv=2)
    images, labels = pictures.tensors(data, "train")
    search.fit(images.numpy(), labels.numpy())
    for share, accuracy in zip(shares, search.cv_results_["mean_test_score"], strict=True):
        print(f"closest {share:.0%} of the pairs alike: accuracy {accuracy:.3f}, by chance {1 / len(data.classes)}")
    return search


if __name__ == "__main__":
    main()
