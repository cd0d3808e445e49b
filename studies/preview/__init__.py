"""The parts of ``preview``.

arms       what is previewed, and which images each arm has
forecast   how the chosen real images themselves score
harm       which training images make bad drawings, as fields of the samples
table      one row an arm, for terminal, notebook, page and App
page       the page: pictures first, then the table
"""

LABEL = "A preview by the analytic model: no network was trained."
