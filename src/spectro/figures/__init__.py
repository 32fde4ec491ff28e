"""Figures of spectra and fits: functions that draw artists and return the numbers drawn."""
