// Package protocol compares survival models the way Kvamme, Borgan and Scheel (JMLR 20:129, 2019) do: five given folds, one set of
// covariates, and C-td, integrated Brier score and integrated binomial log likelihood on each test fold.
//
// A [Table] is a data set; its rows are dealt to folds by a folds table with a column a fold and tr, va or te a row. A [Row] of the
// fixed table names a model with the settings of pycox's example notebooks. [Run] trains and judges every row on every fold.
//
// It knows no files: tables come from readers.
package protocol
