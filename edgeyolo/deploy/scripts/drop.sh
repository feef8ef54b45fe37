# There was no release before this one.
cd "$base"
rm -f current
