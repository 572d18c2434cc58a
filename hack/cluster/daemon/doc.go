// Package daemon starts programs that outlive the command that started them, finds them again, and stops them. What it
// knows of a daemon is in files under the cluster's state folder: run/NAME.json says which process it is, logs/NAME.log
// holds what it wrote. Linux only: it reads /proc.
package daemon
