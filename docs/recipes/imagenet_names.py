"""The 1,000 classes of ImageNet: how their names become word vectors, and SimLoss without a 1,000 x 1,000 matrix.

The names are in torchvision's metadata; no image and no weights are downloaded. Look at the report before you train:
a name of several words becomes the mean of its words, and a word can mean something else (a crane is a machine).
"""

from __future__ import annotations

from collections import Counter

import torch
from torchvision.models import ResNet18_Weights

from simviz import ClassSet, losses, matrices, words

# The names that the bundled vectors do not know, each under a word that they know.
REPAIRED = {
    "brambling": "finch",
    "bluetick": "coonhound",
    "otterhound": "foxhound",
    "Staffordshire bullterrier": "Staffordshire bull terrier",
    "kuvasz": "sheepdog",
    "schipperke": "belgian shepherd",
    "groenendael": "belgian shepherd",
    "komondor": "sheepdog",
    "EntleBucher": "swiss mountain dog",
    "affenpinscher": "pinscher",
    "keeshond": "spitz",
    "Brabancon griffon": "brabant griffon",
    "barracouta": "barracuda",
    "bottlecap": "bottle cap",
    "chiffonier": "dresser",
    "gasmask": "gas mask",
    "golfcart": "golf cart",
    "hoopskirt": "hoop skirt",
    "jinrikisha": "rickshaw",
    "lumbermill": "sawmill",
    "overskirt": "skirt",
    "pickelhaube": "helmet",
    "saltshaker": "salt shaker",
}


def main() -> tuple[ClassSet, float, float]:
    names = ResNet18_Weights.DEFAULT.meta["categories"]
    before = Counter(found.how for found in words.resolve(names))
    classes = ClassSet(names, words=REPAIRED)
    vectors, resolutions = words.embed(classes)
    print("as they are:", dict(before))
    print("repaired:   ", dict(Counter(found.how for found in resolutions)))

    similarity = matrices.word_similarity(classes, keep=0.02)
    bound = similarity.recipe["lower_bound"]
    print(f"closest {similarity.recipe['kept']:.1%} of all pairs kept: cosines above {bound:.3f}")
    for name in ("tabby", "trombone", "crane", "crane bird"):
        nearest = similarity.values[classes.index(name)].argsort()[::-1][1:4]
        print(f"  {name}: {', '.join(classes.names[i] for i in nearest)}")

    torch.manual_seed(0)
    logits, target = torch.randn(64, len(classes)), torch.randint(len(classes), (64,))
    from_matrix = losses.SimLoss(similarity)(logits, target).item()
    # the same loss, its rows computed for each batch: 200 kB here, and 4 MB where 21,841 classes would need 1.9 GB
    from_vectors = losses.SimLoss.from_embedding(torch.from_numpy(vectors), lower_bound=bound)(logits, target).item()
    print(f"SimLoss of random logits: {from_matrix:.5f} by the matrix, {from_vectors:.5f} by the vectors")
    return classes, from_matrix, from_vectors


if __name__ == "__main__":
    main()
