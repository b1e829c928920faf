// Package bugs holds bugs, a patch each, and proves that the tests notice them. Its README.md has the table and the commands.
package bugs
