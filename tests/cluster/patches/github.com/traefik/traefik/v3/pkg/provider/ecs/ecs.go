package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider takes the place of Amazon's, which a local cluster never asks.
type Provider struct{}

// SetDefaults has nothing to set.
func (p *Provider) SetDefaults() {}

// Init has nothing to prepare.
func (p *Provider) Init() error { return nil }

// Provide refuses.
func (p *Provider) Provide(_ chan<- dynamic.Message, _ *safe.Pool) error {
	return errors.New("built without provider ecs")
}
