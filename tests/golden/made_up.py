"""Made-up samples: normal numbers, of which the greatest of the first ones says the class."""
from golden_file import Numbers


def samples(name, shape, classes, noise=0.0):
    """Inputs of the shape, and labels of which a share `noise` is drawn at random."""
    numbers = Numbers(name)
    x = numbers.normal(shape)
    labels = x.flatten(1)[:, :classes].argmax(1)
    drawn, which = numbers.integers(labels.shape, classes), numbers.uniform(labels.shape, 0, 1)
    return x, drawn.where(which < noise, labels)
