package request

import "encoding/json"

// These parts of a request are rare. Package encoding/json examines the types of all that a type contains before it
// reads or writes the first value, which takes a tenth of the helper's start. It does not look into a type that has
// methods for that: so theirs are examined when there is one.

// MarshalJSON writes s; json.Marshaler.
func (s *Survey) MarshalJSON() ([]byte, error) {
	type plain Survey
	return json.Marshal((*plain)(s))
}

// UnmarshalJSON reads s; json.Unmarshaler.
func (s *Survey) UnmarshalJSON(text []byte) error {
	type plain Survey
	return json.Unmarshal(text, (*plain)(s))
}

// MarshalJSON writes v; json.Marshaler.
func (v *View) MarshalJSON() ([]byte, error) {
	type plain View
	return json.Marshal((*plain)(v))
}

// UnmarshalJSON reads v; json.Unmarshaler.
func (v *View) UnmarshalJSON(text []byte) error {
	type plain View
	return json.Unmarshal(text, (*plain)(v))
}

// MarshalJSON writes n; json.Marshaler.
func (n *Names) MarshalJSON() ([]byte, error) {
	type plain Names
	return json.Marshal((*plain)(n))
}

// UnmarshalJSON reads n; json.Unmarshaler.
func (n *Names) UnmarshalJSON(text []byte) error {
	type plain Names
	return json.Unmarshal(text, (*plain)(n))
}

// MarshalJSON writes c; json.Marshaler.
func (c *Client) MarshalJSON() ([]byte, error) {
	type plain Client
	return json.Marshal((*plain)(c))
}

// UnmarshalJSON reads c; json.Unmarshaler.
func (c *Client) UnmarshalJSON(text []byte) error {
	type plain Client
	return json.Unmarshal(text, (*plain)(c))
}
