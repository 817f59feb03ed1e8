package monai

// entry is an object of a MONAI config.
type entry = map[string]any

// inference is configs/inference.json: the raw outputs of every prepared array in a folder go into
// predictions.csv.
func (s Source) inference(n *network) entry {
	load := []entry{
		{"_target_": "LoadImaged", "keys": "image", "reader": "NumpyReader", "channel_dim": 0, "image_only": true},
		{"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32"},
	}
	if n.flat {
		load = append(load, entry{"_target_": "SqueezeDimd", "keys": "image", "dim": 1}) // [C, 1, H, W]: one frame
	}
	if n.repeat {
		load = append(load, entry{"_target_": "RepeatChanneld", "keys": "image", "repeats": 3})
	}
	return entry{
		"imports":       []string{"$import glob", "$import torch", "$import torchvision"},
		"bundle_root":   ".",
		"dataset_dir":   "data",
		"output_dir":    "$@bundle_root + '/eval'",
		"datalist":      "$list(sorted(glob.glob(@dataset_dir + '/*.npy')))",
		"device":        "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
		"network_def":   n.args,
		"network":       "$@network_def.to(@device)",
		"preprocessing": entry{"_target_": "Compose", "transforms": load},
		"dataset":       entry{"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]", "transform": "@preprocessing"},
		"dataloader":    entry{"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": false, "num_workers": 0},
		"inferer":       entry{"_target_": "SimpleInferer"},
		"handlers": []entry{{"_target_": "ClassificationSaver", "output_dir": "@output_dir", "filename": "predictions.csv",
			"batch_transform": "$lambda batch: [b['image'].meta for b in batch]", "output_transform": "$monai.handlers.from_engine(['pred'])"}},
		"evaluator": entry{"_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@dataloader", "network": "@network", "inferer": "@inferer",
			"val_handlers": "@handlers", "amp": false},
		"checkpointloader": entry{"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'", "load_dict": entry{"model": "@network_def"}, "strict": true},
		"initialize":       []string{"$monai.utils.set_determinism(seed=0)", "$@checkpointloader(@evaluator)"},
		"run":              []string{"$@evaluator.run()"},
	}
}
