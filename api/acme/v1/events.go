package v1

// Reasons of the events of an Order. Wire contract, sections 2.8 and 4.
const (
	// OrderEventCreated: a Challenge was made.
	OrderEventCreated = "Created"
	// OrderEventSolver: no solver fits a name.
	OrderEventSolver = "Solver"
	// OrderEventComplete: the certificate is there.
	OrderEventComplete = "Complete"
	// OrderEventFailed: the order failed.
	OrderEventFailed = "Failed"
)

// Reasons of the events of a Challenge. Wire contract, sections 2.8 and 4.
const (
	// ChallengeEventStarted: the challenge was scheduled.
	ChallengeEventStarted = "Started"
	// ChallengeEventPresented: the key was put in place.
	ChallengeEventPresented = "Presented"
	// ChallengeEventPresentError: the key could not be put in place.
	ChallengeEventPresentError = "PresentError"
	// ChallengeEventDomainVerified: the CA has accepted the proof.
	ChallengeEventDomainVerified = "DomainVerified"
	// ChallengeEventFailed: the CA has refused the proof.
	ChallengeEventFailed = "Failed"
	// ChallengeEventCleanUpError: what was put in place could not be removed.
	ChallengeEventCleanUpError = "CleanUpError"
)
