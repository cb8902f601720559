"""Does every mutation still fit the code that it turns round? ``python -m tests.mutations`` runs them."""

import pytest

from tests.architecture.files import ROOT, read
from tests.mutations import MUTATIONS, Mutation, misfit_of, table


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.rule for one in MUTATIONS])
def test_a_mutation_fits_the_code_and_names_a_test(mutation: Mutation) -> None:
    assert misfit_of(mutation, ROOT) == ""


def test_the_page_lists_the_mutations_that_there_are() -> None:
    assert read("docs/mutations.md") == table()
