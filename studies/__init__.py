"""Compare arms over seeds: what is planned, what is done, what may be concluded."""
