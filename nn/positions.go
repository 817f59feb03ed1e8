package nn

import (
	"slices"

	"github.com/cineloop/cineloop/torch"
)

// ResizePositions adapts a learnt table of positions [1, extra + Πhave, D] to a grid of another size: the first extra rows (class tokens)
// stay, the others are interpolated, bicubic over two dimensions and trilinear over three, as is usual when a transformer meets
// inputs of another size (Dosovitskiy et al., ICLR 2021, section 3.2). A table of the right size is returned as it is.
func ResizePositions(table *torch.Tensor, extra int64, have, want []int64) *torch.Tensor {
	if slices.Equal(have, want) {
		return table
	}
	rows, d := table.Size(1), table.Size(2)
	grid := table.Narrow(1, extra, rows-extra).Reshape(append(append([]int64{1}, have...), d)...)
	mode := "bicubic"
	if len(have) == 3 {
		mode = "trilinear"
		grid = grid.Permute(0, 4, 1, 2, 3)
	} else {
		grid = grid.Permute(0, 3, 1, 2)
	}
	grid = torch.Interpolate(grid, want, mode, false).Flatten(2, -1).Transpose(1, 2)
	if extra == 0 {
		return grid
	}
	return torch.Cat([]*torch.Tensor{table.Narrow(1, 0, extra), grid}, 1)
}
