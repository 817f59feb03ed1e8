// Package live is the page of trainings under way: each run's curves, pace, wait for data, and when it will be done, from the log that the
// training writes. It only reads; a training knows nothing of it, and one that ended yesterday is shown like one that runs.
//
// A page is server-rendered HTML with curves as SVG, and fetches itself anew every few seconds while it is looked at. It needs nothing from outside. Its
// content security policy allows its own script and style only. Addresses hold a token that whoever started the command sees; run names
// and losses are all that it shows, no item and no patient.
package live
