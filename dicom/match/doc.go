// Package match compares data sets with the keys of a query: attribute matching by PS3.4 section C.2.2.2.
//
// A query is a data set of its own, the identifier. Each of its elements is a [Key]: universal (no value, or only *), a single value, a list of
// UIDs, a wildcard, a range of dates or times, or a sequence of one item with keys inside. [Matches] holds a data set against all of them,
// [Answer] picks the attributes that the identifier asks for. [Parse] gives the form of one key, for stores that ask a database.
//
// All functions are pure. Names match without regard to case and accents, as section C.2.2.2.1.1 leaves open; all else is case-sensitive.
package match
