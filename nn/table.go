package nn

import "github.com/cineloop/cineloop/torch"

// Table is what is known of the rows of a batch besides their pictures, for networks that join both.
type Table struct {
	Numbers *torch.Tensor // [N, K] standardised, 0 where unknown; nil: there are none
	Known   *torch.Tensor // [N, K] 1 where the number is known, else 0
	Levels  *torch.Tensor // [N, C] int64, the category of each column from 1; 0: unknown; nil: there are none
	NoImage *torch.Tensor // [N, 1] 1 where the row has no picture; nil: all have one
}
