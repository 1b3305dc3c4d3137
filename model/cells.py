"""Which methods can say where in a picture a word is; imports no TensorFlow."""

from model.configs import IMAGE_SLOTS, ModelConfig, SaliencyConfig

MOST_CELLS = 1024  # more are pixels, and no map of 227 x 227 attention weights exists


def why_no_cells(model: ModelConfig) -> str:
    """What a method lacks for saying where a word is; empty where it lacks nothing."""
    if model.reads == "text":
        return "reads text alone"
    if not model.learns:
        return "answers with training posts"
    if isinstance(model, SaliencyConfig):
        return ""
    if model.image_layer == "none":
        return "sees no picture"
    slots = IMAGE_SLOTS[model.image_layer]
    if slots == 1:
        return f"sees one vector per picture ({model.image_layer}) and no cells"
    return "attends to nothing" if slots > MOST_CELLS else ""
