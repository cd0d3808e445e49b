"""The only module below the operators that reads or writes FiftyOne data sets."""
