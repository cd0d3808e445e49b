"""The only module below operators that reads or writes FiftyOne data sets."""
