"""The one road from a picture's pixels to the network's input, for extraction, captions, export."""

import tensorflow as tf

SHORTER_SIDE = 256
CROP = 224
# The channel means, blue, green, red, of the ImageNet photos that Keras's ResNet was trained on
# (`keras.applications.resnet.preprocess_input`).
MEAN_BGR = (103.939, 116.779, 123.68)
DESCRIPTION = "shorter side 256, bilinear with antialiasing; centre crop 224; BGR minus mean"


@tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])
def preprocess(image: tf.Tensor) -> tf.Tensor:
    """Resizes so that the shorter side is 256, crops the centre 224 x 224, and normalises.

    Resizing and cropping are one operation, so that only what is kept is computed: a picture of
    one by ten thousand pixels costs no more than another. The longer side is not rounded to whole
    pixels before the crop, which keeps proportions and centre exact.

    Args:
        image: [H, W, 3] uint8, RGB.

    Returns:
        [224, 224, 3] float32, BGR, the mean of each channel subtracted.
    """
    size = tf.cast(tf.shape(image)[:2], tf.float32)  # [2]: height, width
    scale = SHORTER_SIDE / tf.reduce_min(size)
    with tf.device("CPU:0"):  # the operation has no GPU kernel
        cropped = tf.raw_ops.ScaleAndTranslate(
            images=image[tf.newaxis],
            size=[CROP, CROP],
            scale=tf.fill([2], scale),
            translation=(CROP - size * scale) / 2,
            kernel_type="triangle",
            antialias=True,
        )[0]  # [224, 224, 3], RGB from 0 to 255
    return cropped[..., ::-1] - tf.constant(MEAN_BGR)
