"""The chain of migrations, and running them. One chain, one head; release N runs on schema N and N+1."""
