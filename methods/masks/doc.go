// Package masks holds the losses that networks for masks are trained by, one file each with its paper.
//
// Every loss takes logits [N, Classes, …], float32, and the true class of each position, int64 [N, …]; positions of class −1 are
// not known and have no gradient. Class 0 is the background. A loss is a mean, so that patches and batches of any size weigh alike.
package masks
