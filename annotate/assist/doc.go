// Package assist lets a model take part in a study: its predictions become the answers of the member that stands for it, and what it is unsure of
// becomes the order in which people read.
//
// Nouns: a [Said] is what networks say of one picture; [Answers] are the protocol's answers made of that; [Give] puts them into the project in
// the model's name, like any member's; a [Doubt] is how unsure networks are of a case; [Order] places cases by it, some of them by chance.
//
// Promises:
//   - The model is a member: what it says is checked, measured and logged as anybody's, and shown to nobody before their turn.
//   - A prediction that no item asks for, or that does not fit its item, is named; nothing is guessed.
//   - Of an order by doubt the cases whose place comes from chance are known, so that what is said of all cases can be of those.
//
// It runs no network: what networks said is handed in.
package assist
