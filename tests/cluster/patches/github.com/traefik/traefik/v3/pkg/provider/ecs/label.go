// What stands here in the original is of the provider that ecs.go replaces.

package ecs
