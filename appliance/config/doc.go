// Package config is every setting of the appliance, once: one table gives each its name, help, default and type, and from that
// table come the command line's flags, the environment's names, the keys of the YAML file and the output of `config print`.
//
//	flag         --data-dir DIR
//	environment  PENSTOCK_DATA_DIR=DIR
//	file         data-dir: DIR          (data_dir is the same key)
//
// A flag wins over the environment, the environment over the file, the file over the default. An unknown key, a key given twice
// or a value that does not read is an error that says where it stands and what to write instead.
//
// The file has one section more than the flags: `topics`, which says what the members of a topic's events mean.
//
//	topics:
//	  cooltopic: {time_column: ts, time_format: milliseconds, shard_key: sk}
package config
