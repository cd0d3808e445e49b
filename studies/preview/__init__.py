"""The parts of ``preview``.

engine     the verb: the order in which arms are drawn, judged and reported
directory  the run directory: one preview of one set of images
arms       what is previewed, and which images each arm has
models     the analytic model of an arm, and its drawings
scores     drawings, and the chosen images themselves, against held-out images
influence  which training images make bad drawings, as fields of the samples
table      one row an arm, for terminal, notebook, page and App
page       the page: pictures first, then the table
result     what the verb returns
first      the preview that a study begins with
"""

LABEL = "A preview by the analytic model: no network was trained."
