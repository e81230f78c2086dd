"""Dataset to Dataset, one quantity a file: what is derived, as pure functions.

A product is a function that other packages may provide too, found by name in the group ``workbench.products``::

    [project.entry-points."workbench.products"]
    double = "my_package:double"

    @product(reach=NOTHING, provides=[VariableSpec("twice", ("time",), "float64", "1", None, "twice the number")])
    def double(numbers: xr.Dataset, *, factor: float = 2.0) -> xr.Dataset:
        "Twice the number."

A catalog names it, its inputs and its options, and it is a Source like any other::

    doubled: {driver: workbench, args: {product: double, inputs: {numbers: some_source}, factor: 3}}

The contract (`workbench.testing.products.ProductTests` holds it):

* Positional parameters are inputs, each an ``xarray.Dataset``; one with a default may be left out. Keyword-only
  parameters are options. There is no ``**kwargs``. The first line of the docstring is its help.
* It is pure: it changes no input, keeps nothing, asks no clock, no network and no disk (beyond loading what is lazy in
  its inputs). The same inputs give the same dataset.
* What comes out has ``time`` (UTC, datetime64[ns]) along its row dimension, ascending.
* ``reach``: how far beyond a window its inputs are needed. Inputs over the window widened by it, then the result cut to
  the window, equal the result of everything, cut to the window. ``"cruise"`` when any row may depend on any other (an
  abundance by virtual core: the median over all files); then inputs are given whole.
* ``kept``: a product that works through files may take this keyword-only dict, which its Source keeps from one time to
  the next: what was worked out of files is put into it with all that it came from, and found there again (as little of
  each file as will do: a cruise has ten thousands). It changes how long things take, never what comes out. It is no
  option of a catalog.
* ``chunked``: False of a product that loads slices of its particles itself, some files at a time: they come lazily but
  without dask, whose graph over thousands of files costs more than what is new in them. Everything else comes as it does
  from ``Source.open``, already loaded where it is little.
* ``provides``: the variables, as `VariableSpec`; what comes out has the dims, dtypes and units declared there. It may
  leave some out when an optional input is missing.
* It works with inputs without rows: out comes a dataset without rows.
* Missing is NaN or NaT, never 0; what was left out, and why, stands in the attribute ``notes`` or ``left_out``.
"""
