// Package agree says how well the readers of a study agree, which readings somebody has to decide between, what they come to, and how AI does
// against them.
//
// Nouns: a unit is what an item was asked of (an exam, an image, a frame); a [Report] has an [Item] for every question and arm, with
// [Measure]s over all people and a [Pair] for every two readers, models among them; a [Disagreement] is a unit on which two people differ by
// more than the protocol allows; a [Result] is what several readings come to by a rule; a [HeadToHead] is one question with a known truth.
//
// Promises:
//   - Every value has an interval or a reason why not, the method by which it was found, and how many units it rests on.
//   - A model never counts among the people whose agreement is stated; it is paired with each of them.
//   - "Cannot assess" is an answer of its own: it is counted, and is never taken for a category or a number.
//   - Values in another unit than the protocol's (pixels, because a picture has no scale) are left out and counted.
//   - Where a patient has several units, every interval is found by resampling patients; formulas that take units as independent are for those that are.
package agree
