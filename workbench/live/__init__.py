"""What changes with time: feeds, pictures made once for all tabs, and what one person looks at. No panel."""
