package v1

// ConditionStatus says whether a condition holds.
// +kubebuilder:validation:Enum=True;False;Unknown
type ConditionStatus string

const (
	// ConditionTrue means that the condition holds.
	ConditionTrue ConditionStatus = "True"
	// ConditionFalse means that the condition does not hold.
	ConditionFalse ConditionStatus = "False"
	// ConditionUnknown means that it cannot be said whether it holds.
	ConditionUnknown ConditionStatus = "Unknown"
)
