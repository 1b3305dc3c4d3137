import pytest

from model.decoding_options import DecodingOptions
from utils.errors import UserError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (DecodingOptions(top_p=0.5), "--top_p are those of sampling: give --sample too"),
        (DecodingOptions(sample=True, top_p=1.5), "--top_p is 1.5; expected at most 1"),
        (DecodingOptions(sample=True, top_p=0.0), "--top_p is 0.0; expected a positive number"),
    ],
)
def test_shares_that_no_nucleus_has_are_refused(options, message):
    with pytest.raises(UserError) as error:
        options.check()
    assert message in str(error.value)
