"""What developers run and no refresh needs: the models' SQL without dbt, the bench, linting SQL."""
