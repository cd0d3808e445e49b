"""The panel "Curadiff" in the real App."""

import shutil
import time

import curadiff
import pytest

pytestmark = pytest.mark.app


def test_a_training_that_cannot_begin_opens_its_form_again_and_says_why(visit, photos, tmp_path):
    folder = shutil.copytree(photos / "round", tmp_path / "round")
    one_gone = curadiff.import_images(folder, name=f"one-gone-{tmp_path.name}").dataset
    try:
        gone = folder / "001.png"
        gone.unlink()
        person = visit()
        person.open(one_gone.name)
        person.open_panel("Curadiff")
        person.click("Train")
        person.field("Name").fill("mine")
        person.submit("Train")
        person.sees("This could not be done: 1 of 20 images cannot be read.")
        person.page.wait_for_timeout(2000)  # nothing closes it
        dialog = person.page.get_by_role("dialog")
        assert f"{gone} does not exist; restore it or remove its sample" in dialog.inner_text()
        assert person.field("Name").input_value() == "mine"
    finally:
        one_gone.delete()


OVERLAPPING = """() => {
    const title = [...document.querySelectorAll('p, h6, strong')].find(
        (one) => one.textContent === 'Embeddings');
    const left = title.getBoundingClientRect().left - 40;
    const pieces = [...document.querySelectorAll('button, p, code')].filter((one) => {
        const box = one.getBoundingClientRect();
        // notifications of the App pass over every panel for seconds
        const passing = one.closest('.notistack-SnackbarContainer');
        return box.left > left && box.top > 90 && box.width && !passing;
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


def test_selecting_by_clicking_tags_the_samples_and_shows_in_the_panel(visit, embedded):
    name = "a-selection-of-a-longer-name"
    person = visit()
    person.open(embedded.name)
    person.open_panel("Curadiff")
    person.sees("Next: select training images")
    person.click("Select")
    person.field("Budget").fill("100")
    person.sees("budget must be <= 40, the samples that can be chosen, got 100.")
    person.picture("app-wrong-value")
    person.field("Budget").fill("10")
    person.field("Name").fill(name)
    person.submit("Select")
    person.sees("10 of 40 by typicality")
    person.sees("Next: train a model")
    person.picture("app-selected")
    embedded.reload()
    assert embedded.count_sample_tags() == {name: 10}
    assert embedded.list_saved_views() == [name]

    # in a narrow panel rows wrap and nothing lies on anything
    person.page.set_viewport_size({"width": 900, "height": 900})
    person.sees("10 of 40 by typicality")
    patience = time.monotonic() + 20  # the panel is laid out anew
    while person.page.evaluate(OVERLAPPING) and time.monotonic() < patience:
        person.page.wait_for_timeout(300)
    assert person.page.evaluate(OVERLAPPING) == []
