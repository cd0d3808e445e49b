"""From an empty data set to a compared study, only by clicking, in the real App."""

import fiftyone as fo
import pytest

pytestmark = [pytest.mark.app, pytest.mark.slow]


@pytest.mark.timeout(900)
def test_embed_select_train_stop_resume_generate_evaluate_and_compare_by_clicking(visit, dataset):
    person = visit(width=1500, height=1100)
    person.open(dataset.name)
    person.open_panel("Curadiff")
    person.sees("Next: compute embeddings")
    person.picture("app-first")

    person.click("Compute")
    person.pick("Encoder", "builtin (ready)")
    person.submit("Compute")
    person.sees("40 images, complete", timeout=120)

    person.click("Select")
    person.field("Budget").fill("12")
    person.submit("Select")
    person.sees("12 of 40 by typicality")

    person.click("Train")
    person.choose("Preset", "demo")
    person.field("Image size").fill("16")
    person.field("Steps").fill("100000")
    person.unfold("Images and checkpoints")
    person.field("Checkpoint every").fill("5")
    person.picture("app-train-form")
    person.submit("Train")
    person.sees("Loss over steps", timeout=180)
    person.picture("app-training")
    person.click("Stop")
    person.sees("stopped, step", timeout=60)
    person.click("Resume")
    person.sees("typicality-12, running", timeout=90)
    person.click("Stop")
    person.sees("stopped, step", timeout=60)

    person.click("Generate", nth=0)
    person.field("Count").fill("12")
    person.field("Steps").fill("3")
    person.submit("Generate")
    made = f"{dataset.name}-generated"
    person.sees(f"{made}", timeout=120)
    person.sees("12 images", timeout=30)

    person.click("Evaluate")
    person.choose("Trained on", "selection typicality-12")
    person.pick("Encoder", "builtin (ready)")
    person.choose("Counts", "subsample")
    person.submit("Evaluate")
    person.sees("frechet distance", timeout=120)
    person.picture("app-evaluated")

    generated = fo.load_dataset(made)
    try:
        assert len(generated) == 12
        assert all(generated.values("nearest_train_id"))
        person.open(made)
        person.open_panel("Curadiff")
        person.sees("These images were generated from")
        person.select_first_samples(2)
        person.sees("Left: generated. Right: the training image it is nearest to.")
        person.picture("app-nearest")
    finally:
        generated.delete()


@pytest.mark.timeout(900)
def test_a_study_is_compared_in_light_and_dark_and_in_a_narrow_window(visit, embedded):
    import curadiff

    curadiff.study(
        embedded,
        name="first",
        arms=["random", "coreset"],
        budget=10,
        draws=1,
        curve=0,
        embed={"encoder": "builtin"},
        train={"preset": "demo", "image_size": 16, "steps": 4, "batch_size": 4, "device": "cpu"},
        generate={"count": 8, "steps": 2},
        evaluate={"encoder": "builtin", "bootstrap": 0},
        progress=False,
    )
    try:
        for dark, width in ((True, 1500), (False, 1500), (True, 800)):
            person = visit(dark=dark, width=width, height=1100)
            person.open(embedded.name)
            if not dark:
                person.switch_theme()
            person.open_panel("Curadiff study")
            person.sees("not comparable: the models are unfinished")
            person.sees("What the models draw")
            person.page.wait_for_timeout(1500)
            person.picture(f"app-study-{'dark' if dark else 'light'}-{width}")
        # Here are the real images: a bar is what its arm was trained on.
        bar = person.still(person.page.locator(".barlayer .point").first)
        person.page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
        person.sees("10 samples")
        with person.page.context.expect_page() as opened:
            person.page.get_by_text("Open the report", exact=True).first.click()
        opened.value.get_by_text("Arms and seeds").first.wait_for(timeout=30_000)
    finally:
        fo.delete_dataset(f"{embedded.name}-first")
