"""What all dialects share: application, errors, origin gate, body limits, streaming."""
