// Package contract says what becomes of the settings of the contract
// (section 3, Appendix B) here: which have no effect and why, what the feature
// gates mean, what the fields of the configuration file are called, and what
// the peer does unless it is told otherwise. The operator reads its own settings
// by it. It is a folder of its own so that the command line can read those of a
// running peer by the same tables: a program can not import another program.
package contract
