package protocol

import "math"

// Anchor is what pycox reaches on the same folds at the same settings: mean of five folds, C-td with ties wrong, IBLL with the paper's
// sign. NaN: not measured.
type Anchor struct {
	CTD  float64 `json:"c_td"`
	IBS  float64 `json:"ibs"`
	IBLL float64 `json:"ibll"`
}

// datasets of the anchor table, in its order.
var datasets = []string{"support", "metabric", "gbsg", "flchain"}

// Datasets are the names of the protocol's data sets.
func Datasets() []string { return append([]string{}, datasets...) }

var none = math.NaN()

// anchors by model: C-td, IBS and IBLL of each data set.
var anchors = map[string][3][4]float64{
	"ClassicalCox":                      {{.598, .633, .659, .792}, {.195, .163, .183, .100}, {-.571, -.491, -.538, -.331}},
	"CoxPH":                             {{.609, .637, .674, .795}, {.193, .164, .177, .100}, {-.567, -.491, -.524, -.328}},
	"CoxCC":                             {{.608, .637, .668, .793}, {.193, .166, .179, .103}, {-.567, -.496, -.529, -.345}},
	"CoxTime":                           {{.612, .662, .675, .793}, {.193, .163, .177, .103}, {-.568, -.491, -.523, -.341}},
	"LogisticHazard":                    {{.545, .654, .668, .792}, {.196, .164, .178, .109}, {-.578, -.496, -.527, -.349}},
	"MTLR":                              {{.522, .662, .672, .787}, {.197, .164, .177, .106}, {-.582, -.493, -.524, -.343}},
	"PCHazard":                          {{.339, .646, .672, .759}, {.193, .167, .177, .099}, {-.569, -.497, -.525, -.326}},
	"DeepHit":                           {{.524, .655, .668, .790}, {.209, .175, .195, .123}, {-.610, -.521, -.563, -.386}},
	"LogisticHazard (20 quantile cuts)": {{.619, .654, .670, none}, {.198, .164, .180, none}, {-.586, -.492, -.532, none}},
	"MTLR (20 quantile cuts)":           {{.619, .657, none, none}, {.196, .165, none, none}, {-.575, -.493, none, none}},
	"PCHazard (20 quantile cuts)":       {{.619, .652, none, none}, {.193, .165, none, none}, {-.566, -.491, none, none}},
	"DeepHit (20 quantile cuts)":        {{.633, .667, .658, none}, {.209, .175, .202, none}, {-.609, -.521, -.581, none}},
}

// AnchorOf is the anchor of a model on a data set, nil where there is none.
func AnchorOf(dataset, model string) *Anchor {
	a, ok := anchors[model]
	if !ok {
		return nil
	}
	for i, d := range datasets {
		if d == dataset && !math.IsNaN(a[0][i]) {
			return &Anchor{a[0][i], a[1][i], a[2][i]}
		}
	}
	return nil
}
