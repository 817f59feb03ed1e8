// Package report writes the page that a person reads after a run: one HTML file that needs nothing else.
//
// A [Page] is what is known of a run, filled by others; [Page.Write] turns it into HTML. The page holds no script and loads nothing:
// charts are SVG in the markup, pictures are data URIs, folding is the browser's own. It follows the reader's light or dark setting,
// prints, reads at 390 pixels as at 1280, and sets the numbers of every chart beside it in a table.
//
// Its promises: the same page gives the same bytes; every text is escaped, so that a file name cannot become markup; and nothing is
// shown as better than it is: each metric stands with its interval beside what guessing would reach, small groups say that they are
// too small, and a heat map stands with the verdict of its test.
package report
