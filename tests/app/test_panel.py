"""The panel "Curadiff" in the real App."""

import pytest

pytestmark = pytest.mark.app


def test_selecting_by_clicking_tags_the_samples_and_shows_in_the_panel(visit, embedded):
    person = visit()
    person.open(embedded.name)
    person.open_panel("Curadiff")
    person.sees("Next: select training images")
    person.click("Select")
    person.field("Budget").fill("100")
    person.sees("budget must be <= 40, the samples that can be chosen, got 100.")
    person.picture("app-wrong-value")
    person.field("Budget").fill("10")
    person.submit("Select")
    person.sees("10 of 40 by typicality")
    person.sees("Next: train a model")
    person.picture("app-selected")
    embedded.reload()
    assert embedded.count_sample_tags() == {"typicality-10": 10}
    assert embedded.list_saved_views() == ["typicality-10"]


def test_a_new_data_set_is_told_what_to_do_first(visit, dataset):
    person = visit()
    person.open(dataset.name)
    person.open_panel("Curadiff")
    person.sees("Next: compute embeddings")
    person.sees("No embeddings yet.")


OVERLAPPING = """() => {
    const title = [...document.querySelectorAll('p, h6, strong')].find(
        (one) => one.textContent === 'Embeddings');
    const left = title.getBoundingClientRect().left - 40;
    const pieces = [...document.querySelectorAll('button, p, code')].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.left > left && box.top > 90 && box.width;
    });
    const faults = [];
    for (const one of pieces) {
        const a = one.getBoundingClientRect();
        if (one.tagName === 'BUTTON' && a.right > innerWidth) faults.push(one.textContent + ' cut');
        for (const other of pieces) {
            const b = other.getBoundingClientRect();
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            const nested = one.contains(other) || other.contains(one);
            if (!nested && wide > 2 && high > 2) {
                faults.push(one.textContent + ' / ' + other.textContent);
            }
        }
    }
    return faults;
}"""


def test_in_a_narrow_panel_rows_wrap_and_nothing_lies_on_anything(visit, embedded, home):
    import curadiff

    curadiff.select(embedded, method="typicality", budget=10, name="a-selection-of-a-longer-name")
    person = visit(width=900)
    person.open(embedded.name)
    person.open_panel("Curadiff")
    person.sees("10 of 40 by typicality")
    person.page.wait_for_timeout(1500)
    assert person.page.evaluate(OVERLAPPING) == []
