// Package monai lays a trained network out as a MONAI Bundle: configs/metadata.json, configs/inference.json, models/model.pt, docs/README.md
// and LICENSE, as MONAI's bundle specification has them.
//
// A network is given where torchvision has its class, so that nothing but torch and torchvision is needed to load models/model.pt, a
// state dict that loads strictly. One whose width, stem or extra inputs no class of theirs has is refused.
//
// Two things are rewritten for that, both without changing what the network computes by more than rounding: the heads of several targets
// become one layer whose outputs follow one another, and a stem for one channel becomes one for three equal channels, each weighing a third.
//
// configs/inference.json takes arrays that are prepared already, as docs/preprocessing.json says: MONAI's transforms have no word for what
// a cine's clips go through here.
//
// Sources: MONAI Bundle Specification (docs.monai.io), the metadata schema of 2024-07-25, and the bundles of MONAI's model zoo.
package monai
